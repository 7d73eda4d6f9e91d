import { Type } from 'typebox';
import { jobStates } from '../jobs/state.js';
import { Id, Nullable, Time } from '../schemas.js';
import { exportCompressions, exportFormats } from './format.js';
import { datasetNames } from './request.js';

/** An export as the API shows it. */
export const ExportSchema = Type.Object(
  {
    id: Id('The export'),
    jobId: Id('The job that makes it'),
    dataset: Type.Enum([...datasetNames], { description: 'What it holds' }),
    format: Type.Enum([...exportFormats], { description: 'How it is written' }),
    compression: Type.Enum([...exportCompressions], { description: 'How its file is packed' }),
    state: Type.Enum([...jobStates, 'expired'], { description: 'Where it stands' }),
    rows: Nullable(Type.Integer({ minimum: 0, description: 'Rows, or files of an archive' })),
    bytes: Nullable(Type.Integer({ minimum: 0, description: 'Size of its file' })),
    sha256: Nullable(Type.String({ description: 'SHA-256 of its file, in hexadecimal' })),
    createdAt: Time('When it was asked for'),
    expiresAt: Nullable(Time('When its file goes')),
    url: Type.String({ description: 'Path of its file' }),
  },
  { $id: 'Export', description: 'The rows of a dataset, or its files, as one file' },
);
