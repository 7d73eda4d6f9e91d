import type { Server } from 'node:http';
import SerializerSelector from '@fastify/fast-json-stringify-compiler';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, { type FastifyInstance, LogController } from 'fastify';
import type { Config } from './lib/config.js';
import { answerClientError } from './lib/http/client-error.js';
import { requestIds } from './lib/http/request-id.js';
import { TurnResponse } from './lib/http/turn-response.js';
import type { ServiceLogger } from './lib/logger.js';
import { compileSchema } from './lib/validation.js';
import adminUi from './plugins/admin-ui.js';
import alarms from './plugins/alarms.js';
import authentication from './plugins/authentication.js';
import compression from './plugins/compression.js';
import etag from './plugins/etag.js';
import health from './plugins/health.js';
import idempotency from './plugins/idempotency.js';
import jobEvents from './plugins/job-events.js';
import links from './plugins/links.js';
import metrics, { type MetricsSource } from './plugins/metrics.js';
import openapi from './plugins/openapi.js';
import overload from './plugins/overload.js';
import postgres from './plugins/postgres.js';
import problemDetails, { answerUnroutable } from './plugins/problem-details.js';
import queues from './plugins/queues.js';
import rateLimit from './plugins/rate-limit.js';
import redis from './plugins/redis.js';
import requestContext from './plugins/request-context.js';
import settings from './plugins/settings.js';
import slowBodies from './plugins/slow-bodies.js';
import storage from './plugins/storage.js';
import tracing from './plugins/tracing.js';
import createBatches from './routes/batches/create.js';
import exportContent from './routes/exports/content.js';
import createExports from './routes/exports/create.js';
import readExports from './routes/exports/read.js';
import removeExports from './routes/exports/remove.js';
import streamExports from './routes/exports/stream.js';
import changeImages from './routes/images/change.js';
import imageContent from './routes/images/content.js';
import readImages from './routes/images/read.js';
import uploadImages from './routes/images/upload.js';
import createImports from './routes/imports/create.js';
import importReports from './routes/imports/report.js';
import cancelJobs from './routes/jobs/cancel.js';
import followJobs from './routes/jobs/events.js';
import listJobs from './routes/jobs/list.js';
import pollJobs from './routes/jobs/poll.js';
import retryJobs from './routes/jobs/retry.js';
import changeKeys from './routes/keys/change.js';
import listKeys from './routes/keys/list.js';
import createLinks from './routes/links/create.js';
import presets from './routes/presets/presets.js';
import actOnQueues from './routes/queues/act.js';
import listQueues from './routes/queues/list.js';
import renditionContent from './routes/renditions/content.js';
import createRenditions from './routes/renditions/create.js';
import readRenditions from './routes/renditions/read.js';
import changeSchedules from './routes/schedules/change.js';
import readSchedules from './routes/schedules/read.js';
import healthRoutes from './routes/system/health.js';
import metricsRoutes from './routes/system/metrics.js';
import problemTypes from './routes/system/problems.js';
import changeTenants from './routes/tenants/change.js';
import readTenants from './routes/tenants/read.js';
import readUploads from './routes/uploads/read.js';
import transferUploads from './routes/uploads/transfer.js';
import changeWebhooks from './routes/webhooks/change.js';
import createWebhooks from './routes/webhooks/create.js';
import listDeliveries from './routes/webhooks/deliveries.js';
import readWebhooks from './routes/webhooks/read.js';
import replayDeliveries from './routes/webhooks/replay.js';

/** What the app needs that is not configuration. */
export interface AppDeps {
  readonly log: ServiceLogger;
  readonly databaseUrl: string;
  /** Metrics of the worker process that this process supervises, if any. */
  readonly workerMetrics: MetricsSource;
}

const JSON_BODY_LIMIT_BYTES = 1024 * 1024;
/** How often Node looks for requests that took too long; its default lets them stay 30 s longer. */
const TIMEOUT_CHECK_MS = 1_000;
const MAX_PARAM_LENGTH = 200;

/** Builds the HTTP application: plugins in order, then routes. It listens when its owner says so. */
export async function buildApp(config: Config, deps: AppDeps): Promise<FastifyInstance> {
  const app = fastify<Server>({
    loggerInstance: deps.log as FastifyInstance['log'],
    // A line a request is ours to write (request-context), and a logger a request costs more than it tells.
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: (logger) => logger,
    genReqId: requestIds(),
    requestIdHeader: false,
    trustProxy: trustedProxies(config.trustProxy),
    bodyLimit: JSON_BODY_LIMIT_BYTES,
    requestTimeout: config.uploadTimeoutSeconds * 1000,
    keepAliveTimeout: config.keepAliveSeconds * 1000,
    http: {
      headersTimeout: Math.min(config.headersTimeoutSeconds, config.uploadTimeoutSeconds) * 1000,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      ServerResponse: TurnResponse,
    },
    schemaController: { compilersFactory: { buildSerializer: lazySerializers() } },
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH, ignoreTrailingSlash: true },
    clientErrorHandler: answerClientError,
    frameworkErrors: answerUnroutable,
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.server.maxConnections = config.maxConnections;
  app.setValidatorCompiler(({ schema, httpPart }) =>
    compileSchema(schema, httpPart === 'body' ? 'strict' : 'coercing'),
  );

  // What is no JSON is refused by its type, not by its shape.
  app.removeContentTypeParser('text/plain');

  await app.register(requestContext, { log: deps.log });
  await app.register(slowBodies, { config });
  await app.register(tracing);
  await app.register(problemDetails);
  await app.register(openapi);
  await app.register(settings, { config });
  await app.register(metrics, { workerMetrics: deps.workerMetrics });
  await app.register(postgres, { config, databaseUrl: deps.databaseUrl });
  await app.register(redis, { config });
  await app.register(storage, { config });
  await app.register(queues, { config, databaseUrl: deps.databaseUrl });
  await app.register(jobEvents);
  await app.register(health);
  await app.register(alarms, { config });
  await app.register(rateLimit, { config });
  await app.register(links, { config });
  await app.register(authentication, { config });
  await app.register(adminUi, { config });
  await app.register(idempotency, { config });

  await app.register(async (system) => {
    await system.register(healthRoutes);
    await system.register(metricsRoutes);
    await system.register(problemTypes);
  });
  // A worker answers operators only.
  if (config.role !== 'worker') await app.register(api, { prefix: '/v1', databaseUrl: deps.databaseUrl });
  await app.ready();
  return app;
}

/** Every route of `/v1`. Each group pays only for the plugins that it needs; polls are answered however busy it is. */
async function api(app: FastifyInstance, { databaseUrl }: { databaseUrl: string }): Promise<void> {
  app.addHook('onRoute', app.guardRoute);
  await app.register(async (polling) => {
    await polling.register(compression, { global: false });
    await polling.register(pollJobs);
  });
  await app.register(async (refusable) => {
    await refusable.register(overload);
    await refusable.register(work, { databaseUrl });
  });
}

/** What is refused while the event loop is far behind. */
async function work(app: FastifyInstance, { databaseUrl }: { databaseUrl: string }): Promise<void> {
  await app.register(async (files) => {
    await files.register(imageContent);
    await files.register(renditionContent);
    await files.register(exportContent);
  });
  await app.register(async (reads) => {
    await reads.register(etag);
    await reads.register(compression);
    await reads.register(readImages);
    await reads.register(readRenditions);
    await reads.register(listJobs);
    await reads.register(readExports);
    await reads.register(readSchedules);
    await reads.register(presets);
    await reads.register(importReports);
    await reads.register(readWebhooks);
    await reads.register(listDeliveries);
    await reads.register(listQueues);
    await reads.register(listKeys);
    await reads.register(readTenants);
  });
  await app.register(async (writes) => {
    await writes.register(compression);
    await writes.register(uploadImages);
    await writes.register(changeImages);
    await writes.register(cancelJobs);
    await writes.register(changeSchedules);
    await writes.register(retryJobs);
    await writes.register(createRenditions);
    await writes.register(createExports);
    await writes.register(createImports);
    await writes.register(createBatches);
    await writes.register(actOnQueues);
    await writes.register(removeExports);
    await writes.register(changeKeys);
    await writes.register(changeTenants);
    await writes.register(createLinks);
    await writes.register(createWebhooks);
    await writes.register(changeWebhooks);
    await writes.register(replayDeliveries);
  });
  await app.register(async (resumable) => {
    await resumable.register(readUploads);
    await resumable.register(transferUploads);
  });
  await app.register(async (live) => {
    await live.register(followJobs);
  });
  await app.register(async (exports) => {
    await exports.register(compression, { pace: 'fast' });
    await exports.register(streamExports, { databaseUrl });
  });
}

/**
 * Fastify's own serializers, each made when an answer first needs it. A route has some ten schemas of
 * answers, each takes milliseconds to compile, and most of them are never given: compiling them all was a
 * third of a start.
 */
function lazySerializers(): SerializerSelector.SerializerFactory {
  const build = SerializerSelector();
  return (schemas, options) => {
    const compile = build(schemas, options);
    return (answer) => {
      let serialize: SerializerSelector.Serializer | undefined;
      return (body) => {
        serialize ??= compile(answer);
        return serialize(body);
      };
    };
  };
}

/** Fastify takes a number of hops as a function: the first of them are ours. */
function trustedProxies(
  setting: Config['trustProxy'],
): boolean | string | ((address: string, hop: number) => boolean) {
  return typeof setting === 'number' ? (_address, hop) => hop < setting : setting;
}
