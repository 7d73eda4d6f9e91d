import type { Asked } from './contract.js';
import type { Things } from './tenants.js';
import { tusHeaders } from './tus.js';

/** What stands in the place of a path's parameters. */
export type Names = Readonly<Record<string, string>>;

/** One way to name another tenant's thing in a path. */
export interface Naming {
  /** Theirs; the walk compares it with a name that nothing has. */
  readonly theirs: Names;
  /** The caller's own, where a path names two things. */
  readonly own?: Names;
}

/** How a path with parameters is walked. */
export interface Walk {
  readonly namings: (theirs: Things, own: Things) => readonly Naming[];
  /** Each method the path may have, with what is sent: something that would do, if it were the caller's. */
  readonly methods: Readonly<Record<string, Asked>>;
  /** What the answer is, where it is another than 404. */
  readonly status?: Readonly<Record<string, number>>;
}

const named =
  (...things: (keyof Things)[]): Walk['namings'] =>
  (theirs) =>
    things.map((thing) => ({ theirs: { id: theirs[thing] } }));

const image = named('image');
const rendition: Walk['namings'] = (theirs, own) => [
  { theirs: { id: theirs.image, rid: theirs.rendition } },
  { theirs: { rid: theirs.rendition }, own: { id: own.image } },
  { theirs: { id: theirs.image }, own: { rid: own.rendition } },
];
const job = named('resize', 'exportJob', 'batch', 'import', 'delivery');
const get = { get: {}, head: {} };
const jsonPost = (json: unknown) => ({ post: { json } });
const plainPost = { post: {} };

/** Every path of `/v1` that names something. One that is not here fails the walk: say how it is walked. */
export const walks: Readonly<Record<string, Walk>> = {
  '/v1/images/{id}': {
    namings: image,
    methods: {
      ...get,
      patch: { json: { filename: 'taken.png' }, headers: { 'if-match': '*' } },
      delete: {},
    },
  },
  '/v1/images/{id}/content': { namings: image, methods: get },
  '/v1/images/{id}/links': { namings: image, methods: jsonPost({ expiresIn: 60 }) },
  '/v1/images/{id}/renditions': {
    namings: image,
    methods: { ...get, ...jsonPost({ renditions: [{ width: 8 }] }) },
  },
  '/v1/images/{id}/renditions/{rid}': { namings: rendition, methods: get },
  '/v1/images/{id}/renditions/{rid}/content': { namings: rendition, methods: get },
  '/v1/images/{id}/renditions/{rid}/links': { namings: rendition, methods: jsonPost({}) },
  '/v1/jobs/{id}': { namings: job, methods: { ...get, delete: {} } },
  '/v1/jobs/{id}/events': { namings: job, methods: { get: {} } },
  '/v1/jobs/{id}/retry': { namings: job, methods: plainPost },
  '/v1/exports/{id}': { namings: named('export'), methods: { ...get, delete: {} } },
  '/v1/exports/{id}/content': { namings: named('export'), methods: get },
  '/v1/exports/{id}/links': { namings: named('export'), methods: jsonPost({}) },
  '/v1/exports/{id}/repeat': { namings: named('export'), methods: plainPost },
  '/v1/imports/{id}/report': { namings: named('import'), methods: get },
  '/v1/schedules/{id}': {
    namings: named('schedule'),
    methods: { ...get, patch: { json: { enabled: false } }, delete: {} },
  },
  '/v1/webhooks/{id}': {
    namings: named('webhook'),
    methods: { ...get, patch: { json: { enabled: false } }, delete: {} },
  },
  '/v1/webhooks/{id}/deliveries': { namings: named('webhook'), methods: get },
  '/v1/webhooks/{id}/deliveries/{deliveryId}/replay': {
    namings: (theirs, own) => [
      { theirs: { id: theirs.webhook, deliveryId: theirs.delivery } },
      { theirs: { deliveryId: theirs.delivery }, own: { id: own.webhook } },
      { theirs: { id: theirs.webhook }, own: { deliveryId: own.delivery } },
    ],
    methods: plainPost,
  },
  '/v1/webhooks/{id}/rotate': { namings: named('webhook'), methods: plainPost },
  '/v1/presets/{name}': {
    namings: ({ preset }) => [{ theirs: { name: preset } }],
    methods: { put: { json: { width: 7 } }, delete: {} },
    // It makes, and then deletes, one of the caller's own.
    status: { put: 201, delete: 204 },
  },
  '/v1/uploads/{id}': {
    namings: named('upload'),
    methods: {
      get: {},
      head: { headers: tusHeaders },
      patch: {
        headers: { ...tusHeaders, 'content-type': 'application/offset+octet-stream', 'upload-offset': '0' },
        body: 'bytes',
      },
      delete: { headers: tusHeaders },
    },
  },
  '/v1/keys/{id}': { namings: named('key'), methods: { delete: {} } },
  '/v1/keys/{id}/rotate': { namings: named('key'), methods: plainPost },
  '/v1/tenants/{id}': {
    namings: named('tenant'),
    methods: { ...get, patch: { json: { quotas: { images: 1 } } } },
    status: { patch: 403 },
  },
  // Of all tenants together: for operators.
  '/v1/queues/{name}/{action}': {
    namings: () => [{ theirs: {}, own: { name: 'resize', action: 'pause' } }],
    methods: plainPost,
    status: { post: 403 },
  },
};

/** Paths of `/v1` that name nothing, by what they do; a method that is not here fails the walk. */
export const plainPaths: Readonly<Record<string, readonly string[]>> = {
  /** What the caller has: nothing of anybody else's. */
  lists: [
    'get /v1/images',
    'get /v1/jobs',
    'get /v1/exports',
    'get /v1/schedules',
    'get /v1/presets',
    'get /v1/webhooks',
    'get /v1/keys',
  ],
  /** Streams, and bodies that make something: `tenants-bodies.test.ts`. */
  others: [
    'get /v1/exports/stream',
    'get /v1/jobs/events',
    'post /v1/images',
    'post /v1/exports',
    'post /v1/imports',
    'post /v1/batches',
    'post /v1/schedules',
    'post /v1/webhooks',
    'post /v1/keys',
    'post /v1/uploads',
    'options /v1/uploads',
  ],
  /** For operators. */
  refused: ['get /v1/queues', 'get /v1/tenants'],
};

/** A path with names in the place of its parameters. */
export function filled(path: string, names: Names): string {
  return path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => names[name] ?? '');
}
