import fastify from 'fastify';

// The comparison: one route, no plugin, in a process of its own. It tells its parent where it listens.
const app = fastify();
app.get('/', async () => ({ hello: 'world' }));
const address = await app.listen({ host: '127.0.0.1', port: 0 });
process.send?.(address);
