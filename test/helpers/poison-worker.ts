import { runWorkerProcess } from '../../workers/process.js';

// A worker process whose threads have pictures that kill or stop them: see poison-thread.ts.
runWorkerProcess(new URL('./poison-thread.js', import.meta.url));
