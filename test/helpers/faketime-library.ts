import { access } from 'node:fs/promises';

// Where Debian and Fedora keep it.
const PATHS = [
  `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/faketime/libfaketimeMT.so.1`,
  '/usr/lib64/faketime/libfaketimeMT.so.1',
  '/usr/lib/faketime/libfaketimeMT.so.1',
];

/** Where libfaketime lies, which answers for the C library what time it is; undefined where it is not installed. */
export async function faketimeLibrary(): Promise<string | undefined> {
  for (const path of PATHS) {
    const found = await access(path).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}
