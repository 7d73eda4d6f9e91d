import { readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';

// A process for each file of tests, and 700 modules for most of them: to load those one by one takes longer than many
// a file's tests do.

// As in bundle.sh: modules of CommonJS ask for Node's own by `require`.
const banner =
  'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);';
// "Everything here is line 1 of nothing."
const emptyMap = Buffer.from(JSON.stringify({ version: 3, sources: [''], mappings: 'A' })).toString('base64');

/** A bundled file of tests: what it is known by, which is where it was compiled to, and where it is. */
export interface TestBundle {
  readonly name: string;
  readonly path: string;
}

/** Files that tests start, in processes and threads of their own. */
const STARTED = /^(test\/.*-(process|worker|thread)|workers\/(resize|export))\.js$/;
const URL_BESIDE = /new URL\('([^']+)', import\.meta\.url\)/g;

/**
 * Bundles compiled files of tests, with tap and all that they import, and what they start, into a folder that is
 * emptied before.
 *
 * @param root the project's folder
 * @param files below `dist/test`
 */
export async function bundleTests(root: string, files: readonly string[]): Promise<TestBundle[]> {
  const [compiled, outdir] = [join(root, 'dist'), join(root, 'bundle.tests')];
  await rm(outdir, { recursive: true, force: true });
  const all = await readdir(compiled, { recursive: true });
  const started = all.filter((file) => STARTED.test(file)).map((file) => join(compiled, file));
  const bundled = (file: string): string => join(outdir, relative(compiled, file));
  const entries = new Map([...files, ...started].map((file) => [file, bundled(file)]));
  await build({
    absWorkingDir: root,
    entryPoints: [...entries.keys()],
    outdir,
    outbase: compiled,
    bundle: true,
    splitting: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    sourcemap: true,
    sourcesContent: false,
    external: (await readFile(join(root, 'scripts/not-bundled.txt'), 'utf8')).trim().split('\n'),
    alias: { 'async-hook-domain': join(compiled, 'test/helpers/no-domain.js') },
    banner: { js: banner },
    plugins: [whereItWas(compiled, entries), unmapped],
    logLevel: 'warning',
  });
  return files.map((file) => ({ name: relative(root, file), path: bundled(file) }));
}

/** Our own modules find what lies beside them as they do unbundled; of what is bundled, the bundle. */
function whereItWas(folder: string, entries: ReadonlyMap<string, string>): Plugin {
  return {
    name: 'where-it-was',
    setup: ({ onLoad }) => {
      onLoad({ filter: /\.js$/ }, async ({ path }) => {
        if (!path.startsWith(folder)) return undefined;
        const beside = (found: string, file: string): string => {
          const bundle = entries.get(resolve(dirname(path), file));
          return bundle === undefined ? found : `new URL(${urlOf(bundle)})`;
        };
        const code = await readFile(path, 'utf8');
        return { contents: code.replace(URL_BESIDE, beside).replaceAll('import.meta.url', urlOf(path)) };
      });
    },
  };
}

/** As a literal. */
function urlOf(path: string): string {
  return JSON.stringify(pathToFileURL(path).href);
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
