import t from 'tap';
import { shortForm } from '../faults/short-form.js';
import { workerKilled } from '../faults/worker-killed.js';

await shortForm(t, workerKilled, 0.01, ['postgres']);
