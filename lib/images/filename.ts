import { plainFilename } from '../http/content-disposition.js';
import { extensionFor, type ImageContentType } from './media-types.js';

/** The name an image is kept under: the client's own, made safe, or `image` with the type's extension. */
export function imageFilename(given: string | undefined, contentType: ImageContentType): string {
  return plainFilename(given ?? '') || `image.${extensionFor(contentType)}`;
}
