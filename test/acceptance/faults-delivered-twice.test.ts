import t from 'tap';
import { deliveredTwice } from '../faults/delivered-twice.js';
import { shortForm } from '../faults/short-form.js';

await shortForm(t, deliveredTwice, 0.05);
