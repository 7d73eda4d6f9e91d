import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { Config } from '../lib/config.js';
import { Problem } from '../lib/errors.js';
import type { Caller } from '../lib/keys/caller.js';
import { formatLink, isSignedWith, type Link, parseLink } from '../lib/links/link.js';
import { LinkKeys } from '../lib/links/link-keys.js';

declare module 'fastify' {
  interface FastifyInstance {
    readonly links: SignedLinks;
  }
  interface FastifyContextConfig {
    /** Whether the route serves a file that a signed link may lead to. */
    isLinkable?: boolean;
  }
}

/** Links that are loaded without a key. */
export interface SignedLinks {
  /** The whole URL of a link. */
  make(request: FastifyRequest, link: Link): Promise<string>;
  /** Whether a request comes by a link, good or not. */
  isUsed(request: FastifyRequest): boolean;
  /**
   * Who a request by a link is: a reader of the tenant that made it, for this file alone.
   *
   * @throws Problem LINK_INVALID or LINK_EXPIRED (403)
   */
  admit(request: FastifyRequest): Promise<Caller>;
}

/** Makes signed links, and tells good ones from others. */
export default fp<{ config: Pick<Config, 'publicUrl'> }>(
  async (app, { config }) => {
    const keys = new LinkKeys(app.database);

    async function admit(request: FastifyRequest): Promise<Caller> {
      const { path, query } = partsOf(request);
      const claimed = request.routeOptions.config.isLinkable ? parseLink(path, query) : undefined;
      const key = claimed && (await request.timings.measure('db', () => keys.find(claimed.keyId)));
      if (!claimed || !key || !isSignedWith(claimed, key)) {
        throw new Problem('LINK_INVALID', 'The link was not made here, or was changed since.');
      }
      const { tenantId, expiresAt } = claimed.link;
      if (expiresAt.getTime() <= Date.now()) {
        throw new Problem('LINK_EXPIRED', `The link was good until ${expiresAt.toISOString()}.`);
      }
      return { tenantId, role: 'reader', keyId: null, keyPrefix: null, expiresAt };
    }

    app.decorate('links', {
      make: async (request, link) => {
        const origin = config.publicUrl ?? `${request.protocol}://${request.host}`;
        return origin.replace(/\/$/, '') + formatLink(link, await keys.current());
      },
      isUsed: ({ url }) => url.includes('?') && /[?&]signature=/.test(url),
      admit,
    } satisfies SignedLinks);
  },
  { name: 'links', dependencies: ['postgres', 'request-context'] },
);

function partsOf({ url }: FastifyRequest): { path: string; query: URLSearchParams } {
  const [path = '', query = ''] = url.split('?', 2);
  return { path, query: new URLSearchParams(query) };
}
