/** What a job knows about an original before it decodes it; lengths in pixels. */
export interface SourceFacts {
  /** The media type, found by the file's bytes. */
  readonly contentType: string;
  /** Width of one page as stored, before the EXIF orientation. */
  readonly width: number;
  /** Height of one page as stored, before the EXIF orientation. */
  readonly height: number;
  /** EXIF orientation, 1 to 8; 1 where the file names none. */
  readonly orientation: number;
  readonly hasAlpha: boolean;
  /** Frames of an animation or pages of a document; 1 for a still. */
  readonly pages: number;
}
