/**
 * A frame's text as the bytes of a message: plain UTF-8, or Zstandard when that is worth it.
 * A reader tells them apart by the first byte: a frame's text begins with `{`, Zstandard with 0x28 (RFC 8878).
 */
import { zstdCompressSync, zstdDecompressSync, constants } from 'node:zlib';

/** Shorter texts are not compressed, in bytes: setting a compression up costs more than the disk saves. */
const COMPRESS_FROM_BYTES = 16 * 1024;
/** The same where frames stay for long, in bytes: below it there is nothing to save. */
const COMPRESS_KEPT_FROM_BYTES = 1_024;
const OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/**
 * @param text the frame's text as UTF-8; what is returned shares nothing with it.
 * @param isKept the frame will stay for long: its room on the disk counts for more than the time.
 */
export function packFrame(text: Uint8Array, isKept = false): Uint8Array {
  return text.length < (isKept ? COMPRESS_KEPT_FROM_BYTES : COMPRESS_FROM_BYTES) ? Buffer.from(text) : zstdCompressSync(text, OPTIONS);
}

export function unpackFrame(bytes: Uint8Array): string {
  const first = bytes[0];
  const plain = first === 0x28 ? zstdDecompressSync(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return plain.toString('utf8');
}
