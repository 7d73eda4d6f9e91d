import t from 'tap';
import { startRedis } from '../helpers/services.js';
import { remoteSourcesSeveral } from './remote-sources-several.js';

const { url } = await startRedis(t);
await remoteSourcesSeveral(t, { redisUrl: url });
