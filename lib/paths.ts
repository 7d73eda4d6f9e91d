/** Where a job is polled. */
export function jobPath(id: string): string {
  return `/v1/jobs/${id}`;
}

/** Where what becomes of a job is followed. */
export function jobEventsPath(id: string): string {
  return `${jobPath(id)}/events`;
}

/** Where a job that failed or was cancelled is begun anew. */
export function retryPath(id: string): string {
  return `${jobPath(id)}/retry`;
}

/** Where the rows of an import that failed are read. */
export function importReportPath(id: string): string {
  return `/v1/imports/${id}/report`;
}

/** Where uploads in parts begin. */
export const uploadsPath = '/v1/uploads';

/** Where an upload in parts goes on. */
export function uploadPath(id: string): string {
  return `${uploadsPath}/${id}`;
}

/** Where an image is read. */
export function imagePath(id: string): string {
  return `/v1/images/${id}`;
}

/** Where the bytes of an original are downloaded. */
export function imageContentPath(id: string): string {
  return `${imagePath(id)}/content`;
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
