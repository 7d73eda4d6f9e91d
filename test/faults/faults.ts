import { clock } from './clock.js';
import { damagedFiles } from './damaged-files.js';
import { decoderCrash } from './decoder-crash.js';
import { decoderHang } from './decoder-hang.js';
import { deliveredTwice } from './delivered-twice.js';
import { diskFull } from './disk-full.js';
import { exportClients } from './export-clients.js';
import type { Fault } from './fault.js';
import { manyImages } from './many-images.js';
import { postgresCrashed } from './postgres-crashed.js';
import { randomRequests } from './random-requests.js';
import { redisLost } from './redis-lost.js';
import { saturated } from './saturated.js';
import { slowBodies } from './slow-bodies.js';
import { stoppedWithBacklog } from './stopped-with-backlog.js';
import { uploadsKilled } from './uploads-killed.js';
import { workerKilled } from './worker-killed.js';

/** Every fault of the suite, in the order in which it is run. */
export const faults: readonly Fault[] = [
  workerKilled,
  uploadsKilled,
  redisLost,
  postgresCrashed,
  diskFull,
  decoderCrash,
  decoderHang,
  deliveredTwice,
  exportClients,
  stoppedWithBacklog,
  saturated,
  slowBodies,
  manyImages,
  clock,
  damagedFiles,
  randomRequests,
];
