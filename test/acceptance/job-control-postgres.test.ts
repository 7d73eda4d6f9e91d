import t from 'tap';
import { jobControl } from './job-control.js';

await jobControl(t, {});
