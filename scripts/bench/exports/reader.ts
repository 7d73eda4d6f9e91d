import { once } from 'node:events';
import { readStream } from './streams.js';

/** What the process is to read. */
const [origin = '', query = '', count = '1'] = process.argv.slice(2);

const told = once(process, 'message');
process.send?.('ready');
await told;
// Reads some streams at a time in a process of its own, so that who measures beside them measures the
// service and not its own event loop.
await Promise.all(Array.from({ length: Number(count) }, () => readStream(origin, query)));
process.disconnect();
