import type { Database, Executor } from '../database/client.js';
import { newId } from '../ids.js';
import { imageFilename } from '../images/filename.js';
import type { ImageMetadata, ImageRow } from '../images/image.js';
import type { ReceivedImage } from '../images/receive.js';
import { insertImage } from '../images/repository.js';
import type { BlobStore } from '../storage/blob-store.js';

/** Whose image it is to be, and what it is kept under where it is new. */
export interface ImageOwner {
  readonly tenantId: string;
  /** Undefined: it is called after its type. */
  readonly filename: string | undefined;
  readonly metadata: ImageMetadata;
  /** Called in the transaction that settles which image it is; what it throws undoes that. */
  readonly claim: (sql: Executor, image: ImageRow) => Promise<void>;
}

/**
 * Records an image that a job has got as an upload is recorded: once a tenant, by its bytes. The temporary file
 * is gone afterwards, one way or the other.
 */
export async function recordReceived(
  { database, store }: { readonly database: Database; readonly store: BlobStore },
  { tenantId, filename, metadata, claim }: ImageOwner,
  { temporaryPath, discard, ...received }: ReceivedImage,
): Promise<ImageRow> {
  const { contentType, bytes, width, height, orientation, hasAlpha, pages, sha256 } = received;
  const facts = { contentType, bytes, width, height, orientation, hasAlpha, pages, sha256 };
  const name = imageFilename(filename, contentType);
  try {
    return await database.transaction('images.createFromSource', async (sql) => {
      const about = { id: newId(), tenantId, filename: name, metadata };
      const image = await insertImage(sql, store, { ...about, ...facts }, temporaryPath);
      await claim(sql, image);
      return image;
    });
  } finally {
    await discard();
  }
}
