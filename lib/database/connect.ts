import postgres from 'postgres';

/** The longest path of a Unix socket, in bytes: `sun_path` of unix(7), and of BSD's unix(4). */
const MAX_PATH_BYTES = process.platform === 'linux' ? 107 : 103;
const MAX_PORT = 65_535;
const DEFAULT_PORT = 5432;

/**
 * postgres.js on a connection string. Its host may be the folder of a Unix socket, as in
 * `postgres://user@%2Fvar%2Frun%2Fpostgresql/halftone`, which `pg` and `psql` know of themselves.
 *
 * @see https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
 */
export function connectPostgres<T extends Record<string, postgres.PostgresType> = Record<never, never>>(
  url: string,
  options: postgres.Options<T>,
) {
  const { hostname, port } = new URL(url);
  const folder = decodeURIComponent(hostname);
  const isSocket = folder.startsWith('/');
  return postgres<T>(url, {
    ...options,
    ...(isSocket && { path: socketPath(folder, Number(port) || DEFAULT_PORT) }),
  });
}

/** Whether PostgreSQL can have a socket in a folder, whatever its port is; in its settings a comma ends a folder. */
export function fitsSocket(folder: string): boolean {
  return Buffer.byteLength(socketPath(folder, MAX_PORT)) <= MAX_PATH_BYTES && !folder.includes(',');
}

/**
 * The embedded server by TCP, for answers without end: a connection over TCP holds megabytes, which can be read in
 * large pieces, and a Unix socket 208 KiB in Linux, which has the sender wait for its reader after each of them.
 */
export function overTcp(url: string): string {
  const { username, password, port, pathname } = new URL(url);
  return `postgres://${username}:${password}@127.0.0.1:${port}${pathname}`;
}

function socketPath(folder: string, port: number): string {
  return `${folder}/.s.PGSQL.${port}`;
}
