import t from 'tap';
import { decoderCrash } from '../faults/decoder-crash.js';
import { decoderHang } from '../faults/decoder-hang.js';
import { shortForm } from '../faults/short-form.js';

await shortForm(t, decoderCrash, 0.1);
await shortForm(t, decoderHang, 0.1);
