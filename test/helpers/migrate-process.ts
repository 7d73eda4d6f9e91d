import { migrateTestDatabase } from './migrate.js';

// Migrates the database that it is given, as every process of a service does when it starts.
await migrateTestDatabase(process.argv[2] ?? '');
