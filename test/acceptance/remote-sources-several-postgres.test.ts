import t from 'tap';
import { remoteSourcesSeveral } from './remote-sources-several.js';

await remoteSourcesSeveral(t, {});
