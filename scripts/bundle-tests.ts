import { readdir, readFile, rm } from 'node:fs/promises';
import { dirname, extname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';

// 700 modules for most files of tests: to load those one by one takes longer than many a file's tests do, and to start
// a process and to have V8 learn what runs there is most of the rest. So they are bundled, and some share a process.

// As in bundle.sh: modules of CommonJS ask for Node's own by `require`.
const banner =
  'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);';
// "Everything here is line 1 of nothing."
const emptyMap = Buffer.from(JSON.stringify({ version: 3, sources: [''], mappings: 'A' })).toString('base64');

/** Files of tests that one process runs, in their order. */
export interface TestGroup {
  readonly name: string;
  /** Below `dist/test`. */
  readonly files: readonly string[];
}

/** A group with the bundle to run for it. */
export interface TestBundle extends TestGroup {
  readonly path: string;
}

const GROUP = 'group:';
/** Files that tests start, in processes and threads of their own. */
const STARTED = /^(test\/.*-(process|worker|thread)|workers\/(resize|export))\.js$/;
const URL_BESIDE = /new URL\('([^']+)', import\.meta\.url\)/g;

/**
 * Bundles groups of compiled files of tests, with tap and all that they import, and what they start, into a folder
 * that is emptied before.
 *
 * @param root the project's folder
 */
export async function bundleTests(root: string, groups: readonly TestGroup[]): Promise<TestBundle[]> {
  const [compiled, outdir] = [join(root, 'dist'), join(root, 'bundle.tests')];
  await rm(outdir, { recursive: true, force: true });
  const all = await readdir(compiled, { recursive: true });
  const started = all.filter((file) => STARTED.test(file));
  const beside = new Map(started.map((file) => [join(compiled, file), join(outdir, file)]));
  await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries([
      ...groups.map(({ name }) => [name, `${GROUP}${name}`]),
      ...started.map((file) => [file.slice(0, -extname(file).length), join(compiled, file)]),
    ]),
    outdir,
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
    plugins: [grouped(root, groups), whereItWas(compiled, beside), unmapped],
    logLevel: 'warning',
  });
  return groups.map((group) => ({ ...group, path: join(outdir, `${group.name}.js`) }));
}

/** A module for each group runs its files one after the other, each of which finds a test of its own as tap's. */
function grouped(root: string, groups: readonly TestGroup[]): Plugin {
  const testFile = join(root, 'dist/test/helpers/test-file.js');
  return {
    name: 'grouped',
    setup: ({ onResolve, onLoad }) => {
      onResolve({ filter: new RegExp(`^${GROUP}`) }, ({ path }) => ({ path, namespace: 'group' }));
      onLoad({ filter: /./, namespace: 'group' }, ({ path }) => {
        const files = groups.find(({ name }) => path === `${GROUP}${name}`)?.files ?? [];
        const loads = files.map(
          (file) => `[${JSON.stringify(relative(root, file))}, () => import(${JSON.stringify(file)})]`,
        );
        const contents = `import { runFiles } from ${JSON.stringify(testFile)};\nawait runFiles([${loads.join(', ')}]);`;
        return { contents, resolveDir: root };
      });
      onResolve({ filter: /^tap$/ }, ({ importer }) =>
        importer === testFile ? undefined : { path: testFile },
      );
    },
  };
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
