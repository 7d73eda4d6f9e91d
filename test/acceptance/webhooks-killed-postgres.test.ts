import t from 'tap';
import { webhooksKilled } from './webhooks-killed.js';

await webhooksKilled(t, {});
