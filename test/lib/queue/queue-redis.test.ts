import t from 'tap';
import { testRedisUrl } from '../../helpers/services.js';
import { queueContract } from './queue-contract.js';
import { queueListenerContract } from './queue-listener-contract.js';

// No database: whatever asked for one would fail.
const address = { databaseUrl: '', redisUrl: await testRedisUrl() };
queueContract(t, address);
queueListenerContract(t, address);
