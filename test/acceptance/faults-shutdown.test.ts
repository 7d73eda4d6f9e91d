import t from 'tap';
import { shortForm } from '../faults/short-form.js';
import { stoppedWithBacklog } from '../faults/stopped-with-backlog.js';

await shortForm(t, stoppedWithBacklog, 0.01, ['postgres']);
