import t from 'tap';
import { severalProcesses } from './several-processes.js';

await severalProcesses(t, {});
