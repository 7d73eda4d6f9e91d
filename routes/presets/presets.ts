import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { Problem } from '../../lib/errors.js';
import { builtInPresets, PRESET_NAME } from '../../lib/presets/preset.js';
import { deletePreset, listPresets, putPreset } from '../../lib/presets/repository.js';
import { parseRenditionOptions } from '../../lib/renditions/options.js';
import { ref } from '../schemas.js';

/** Named rendition options: the built-in ones, and a tenant's own. */
const presets: FastifyPluginAsyncTypebox = async (app) => {
  const params = Type.Object({
    name: Type.String({ pattern: PRESET_NAME, description: 'Name of the preset' }),
  });

  app.get(
    '/presets',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['presets'],
        summary: 'List presets',
        response: {
          200: {
            type: 'object',
            required: ['data'],
            properties: { data: { type: 'array', items: ref('Preset') } },
          },
        },
      },
    },
    async (request, reply) => {
      const data = await request.database.query('presets.list', (sql) => listPresets(sql, request.tenantId));
      return reply.header('cache-control', 'private, max-age=0, must-revalidate').send({ data });
    },
  );

  app.put(
    '/presets/:name',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['presets'],
        summary: 'Create or replace a preset',
        params,
        body: Type.Unknown({ description: 'Rendition options' }),
        response: { 200: ref('Preset'), 201: ref('Preset') },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      assertOwn(name);
      const options = parseRenditionOptions(request.body, '');
      const isNew = await request.database.query('presets.put', (sql) =>
        putPreset(sql, request.tenantId, { name, options }),
      );
      return reply
        .code(isNew ? 201 : 200)
        .header('location', `/v1/presets/${name}`)
        .send({ name, options, builtIn: false });
    },
  );

  app.delete(
    '/presets/:name',
    {
      config: { rateLimitClass: 'general' },
      schema: {
        tags: ['presets'],
        summary: 'Delete a preset',
        params,
        response: { 204: Type.Null({ description: 'Gone' }) },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      assertOwn(name);
      const deleted = await request.database.query('presets.delete', (sql) =>
        deletePreset(sql, request.tenantId, name),
      );
      if (!deleted) throw new Problem('PRESET_NOT_FOUND', 'There is no preset of this name.');
      return reply.code(204).send(null);
    },
  );
};

export default presets;

function assertOwn(name: string): void {
  if (builtInPresets.some((preset) => preset.name === name)) {
    throw new Problem('PRESET_BUILT_IN', `${name} is built in; choose another name.`);
  }
}
