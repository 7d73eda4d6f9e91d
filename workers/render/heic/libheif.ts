import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type types from 'libheif-js/libheif-wasm/libheif.js';

/** libheif's C functions over a memory of its own (libheif 1.23; its headers say what each takes). */
export type Libheif = ReturnType<typeof types.default>;

const PAGE_BYTES = 65_536;

// The package's own entry for Node looks for the binary in the current folder.
const require = createRequire(import.meta.url);
let compiled: WebAssembly.Module | undefined;

/**
 * Opens a decoder with a fresh memory: what one file does to it, no other one sees. Compiled once, it
 * opens in some 10 ms.
 *
 * @param maxBytes the most that its memory grows to; an allocation beyond it fails within the decoder
 */
export function openLibheif(maxBytes: number): Libheif {
  const open: typeof types.default = require('libheif-js/libheif-wasm/libheif.js');
  compiled ??= new WebAssembly.Module(readFileSync(require.resolve('libheif-js/libheif-wasm/libheif.wasm')));
  const module = compiled;
  return open({
    // What it has to say of a file comes back as an error, too.
    print: () => undefined,
    printErr: () => undefined,
    instantiateWasm: (imports: WebAssembly.Imports, use: (instance: WebAssembly.Instance) => void) => {
      const instance = new WebAssembly.Instance(module, imports);
      for (const memory of Object.values(instance.exports)) {
        if (memory instanceof WebAssembly.Memory) capMemory(memory, maxBytes);
      }
      use(instance);
      return instance.exports;
    },
  });
}

/** The memory grows through its JavaScript object alone, as emscripten has it, and so can be refused. */
function capMemory(memory: WebAssembly.Memory, maxBytes: number): void {
  memory.grow = (pages) => {
    if (memory.buffer.byteLength + pages * PAGE_BYTES > maxBytes) throw new RangeError('out of memory');
    return WebAssembly.Memory.prototype.grow.call(memory, pages);
  };
}
