import t from 'tap';
import { randomRequests } from '../faults/random-requests.js';
import { shortForm } from '../faults/short-form.js';

await shortForm(t, randomRequests, 0.25);
