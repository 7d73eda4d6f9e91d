import t from 'tap';
import { largeBatches } from './batches-large.js';

await largeBatches(t, {});
