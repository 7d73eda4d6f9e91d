import { readFile, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';

// A process for each file of tests, and 700 modules for most of them: to load those one by one takes longer than many
// a file's tests do.

// As in bundle.sh: modules of CommonJS ask for Node's own by `require`.
const banner =
  'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);';
// "Everything here is line 1 of nothing."
const emptyMap = Buffer.from(JSON.stringify({ version: 3, sources: [''], mappings: 'A' })).toString('base64');

/**
 * Bundles compiled files of tests, with tap and all that they import, into a folder that is emptied before.
 *
 * @param root the project's folder
 * @param files below `dist/test`
 * @returns the bundle's file for each of them, in their order
 */
export async function bundleTests(root: string, files: readonly string[]): Promise<string[]> {
  const outdir = join(root, 'bundle.tests');
  const outbase = join(root, 'dist/test');
  await rm(outdir, { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: [...files],
    outdir,
    outbase,
    bundle: true,
    splitting: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    sourcemap: true,
    sourcesContent: false,
    external: (await readFile(join(root, 'scripts/not-bundled.txt'), 'utf8')).trim().split('\n'),
    alias: { 'async-hook-domain': join(outbase, 'helpers/no-domain.js') },
    banner: { js: banner },
    plugins: [whereItWas(join(root, 'dist')), unmapped],
    logLevel: 'warning',
  });
  return files.map((file) => join(outdir, relative(outbase, file)));
}

/** Our own modules find what lies beside them as they do unbundled. */
function whereItWas(folder: string): Plugin {
  return {
    name: 'where-it-was',
    setup: ({ onLoad }) => {
      onLoad({ filter: /\.js$/ }, async ({ path }) => {
        if (!path.startsWith(folder)) return undefined;
        const url = JSON.stringify(pathToFileURL(path).href);
        return { contents: (await readFile(path, 'utf8')).replaceAll('import.meta.url', url) };
      });
    },
  };
}

/** Stacks name our lines, not those of libraries: Node reads a map whole, and theirs would be nine tenths of it. */
const unmapped: Plugin = {
  name: 'unmapped',
  setup: ({ onLoad }) => {
    onLoad({ filter: /node_modules.*\.[cm]?js$/ }, async ({ path }) => ({
      contents: `${await readFile(path, 'utf8')}\n//# sourceMappingURL=data:application/json;base64,${emptyMap}`,
    }));
  },
};
