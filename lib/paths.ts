/** Where a job is polled. */
export function jobPath(id: string): string {
  return `/v1/jobs/${id}`;
}

/** Where an image is read. */
export function imagePath(id: string): string {
  return `/v1/images/${id}`;
}

/** Where the renditions of an image are listed. */
export function renditionsPath(imageId: string): string {
  return `${imagePath(imageId)}/renditions`;
}

/** Where the bytes of a rendition are downloaded. */
export function renditionContentPath(imageId: string, id: string): string {
  return `${renditionsPath(imageId)}/${id}/content`;
}

/** Where an export is read. */
export function exportPath(id: string): string {
  return `/v1/exports/${id}`;
}

/** Where the file of an export is downloaded. */
export function exportContentPath(id: string): string {
  return `${exportPath(id)}/content`;
}
