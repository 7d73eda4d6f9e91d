import t from 'tap';
import { randomRequestsFault } from '../faults/random-requests.js';
import { shortForm } from '../faults/short-form.js';

await shortForm(t, randomRequestsFault, 0.4);
