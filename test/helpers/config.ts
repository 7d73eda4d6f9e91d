import { type Config, loadConfig } from '../../lib/config.js';

/** A configuration from variables alone, without the environment's. */
export function testConfig(environment: Readonly<Record<string, string>> = {}): Config {
  return loadConfig(environment);
}
