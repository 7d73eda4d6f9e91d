import { startEmbeddedPostgres } from '../../lib/database/embedded-postgres.js';

// A Halftone's share of the embedded PostgreSQL, as a process that a test can kill. It prints one line
// of JSON, the server or the error, and stops the server when its stdin ends.
const [, , dataDir = ''] = process.argv;

try {
  const server = await startEmbeddedPostgres({ dataDir, log: () => {} });
  console.log(JSON.stringify({ url: server.url, pid: server.pid }));
  process.stdin.resume().once('end', () => void server.stop().then(() => process.exit()));
} catch (error) {
  console.log(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }));
}
