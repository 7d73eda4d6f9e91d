import { type Executor, jsonb } from '../database/client.js';
import { invalidField } from '../errors.js';
import { builtInPresets, type Preset } from './preset.js';

/** Every preset of a tenant, the built-in ones first, then its own by name. */
export async function listPresets(sql: Executor, tenantId: string): Promise<Preset[]> {
  const rows = await sql<Pick<Preset, 'name' | 'options'>[]>`
    select name, options from presets where tenant_id = ${tenantId} order by name`;
  return [...builtInPresets, ...rows.map((row) => ({ ...row, builtIn: false }))];
}

/**
 * The presets behind names, in their order.
 *
 * @param path where the names stand in the request
 * @throws Problem PRESET_UNKNOWN (400) that names the first unknown one and lists the known ones
 */
export async function findPresets(
  sql: Executor,
  tenantId: string,
  names: readonly string[],
  path: string,
): Promise<Preset[]> {
  if (names.length === 0) return [];
  const builtIn = new Map(builtInPresets.map((preset) => [preset.name, preset]));
  const known = names.every((name) => builtIn.has(name))
    ? builtIn
    : new Map((await listPresets(sql, tenantId)).map((preset) => [preset.name, preset]));
  return names.map((name) => {
    const preset = known.get(name);
    if (preset) return preset;
    const message = `names ${JSON.stringify(name)}; known are ${[...known.keys()].join(', ')}`;
    throw invalidField(path, message, 'PRESET_UNKNOWN');
  });
}

/** Creates or replaces a tenant's own preset; true when it is new. */
export async function putPreset(
  sql: Executor,
  tenantId: string,
  preset: Omit<Preset, 'builtIn'>,
): Promise<boolean> {
  const options = jsonb(sql, preset.options);
  const [row] = await sql<{ version: number }[]>`
    insert into presets (tenant_id, name, options) values (${tenantId}, ${preset.name}, ${options})
    on conflict (tenant_id, name) do update set options = excluded.options, updated_at = now(), version = presets.version + 1
    returning version`;
  return row?.version === 1;
}

/** Deletes a tenant's own preset; false when there is none. */
export async function deletePreset(sql: Executor, tenantId: string, name: string): Promise<boolean> {
  const { count } = await sql`delete from presets where tenant_id = ${tenantId} and name = ${name}`;
  return count > 0;
}
