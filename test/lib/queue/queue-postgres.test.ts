import t from 'tap';
import { migrateTestDatabase } from '../../helpers/migrate.js';
import { testDatabase } from '../../helpers/services.js';
import { queueContract } from './queue-contract.js';
import { queueListenerContract } from './queue-listener-contract.js';

const address = { databaseUrl: await testDatabase(t), redisUrl: undefined };
await migrateTestDatabase(address.databaseUrl);
queueContract(t, address);
queueListenerContract(t, address);
