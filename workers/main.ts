import { runWorkerProcess } from './process.js';

runWorkerProcess();
