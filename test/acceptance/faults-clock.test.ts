import t from 'tap';
import { clock } from '../faults/clock.js';
import { shortForm } from '../faults/short-form.js';
import { movableClock } from '../helpers/clock.js';

if (await movableClock(t)) await shortForm(t, clock, 0.25);
else t.pass('libfaketime is not installed', { skip: true });
