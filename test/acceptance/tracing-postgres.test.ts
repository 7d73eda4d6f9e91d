import t from 'tap';
import { traced } from './tracing.js';

await traced(t);
