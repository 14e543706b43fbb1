/** Taking a serialized FileDescriptorSet apart without decoding its files. */
import { Defect } from '@millrace/errors';

/** Tag of the only field of google.protobuf.FileDescriptorSet: `repeated FileDescriptorProto file = 1`. */
const FILE_TAG = 0x0a;

/** The serialized FileDescriptorProtos of a set, in their order. */
export function splitFileDescriptorSet(set: Uint8Array): readonly Uint8Array[] {
  const files: Uint8Array[] = [];
  let at = 0;
  while (at < set.length) {
    if (set[at] !== FILE_TAG) throw new Defect(`The descriptor set has an unknown field at byte ${at}`);
    at += 1;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = set[at];
      if (byte === undefined || shift > 28) throw new Defect('The descriptor set ends within a length');
      at += 1;
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    if (at + length > set.length) throw new Defect('The descriptor set ends within a file');
    files.push(set.subarray(at, at + length));
    at += length;
  }
  return files;
}
