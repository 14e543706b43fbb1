/** Puts a golden image on the disks of a new NATS and MongoDB, as the release that was killed had left them. */
import { Objm } from '@nats-io/obj';
import { DiscardPolicy, StorageType } from '@nats-io/jetstream';
import { inputStream, inputSubject, laneStream, laneSubject, openBucket, type Bus } from '@millrace/bus';
import { BSON, type Db, type Document } from 'mongodb';
import type { Image } from './image.ts';

export async function restoreImage(image: Image, bus: Bus, database: Db): Promise<void> {
  for (const { lane, frames, first, inputSequence } of image.lanes) {
    await bus.manager.streams.add({ name: laneStream(lane), subjects: [laneSubject(lane)], storage: StorageType.File, discard: DiscardPolicy.New, first_seq: first });
    for (const frame of frames.slice(first - 1)) await bus.jetstream.publish(laneSubject(lane), Buffer.from(frame, 'base64'));
    await bus.manager.streams.add({ name: inputStream(lane), subjects: [inputSubject(lane)], storage: StorageType.File, discard: DiscardPolicy.New, max_bytes: 256 * 1024 * 1024, first_seq: inputSequence + 1 });
  }
  const objects = await new Objm(bus.jetstream).create('payloads');
  for (const [name, text] of Object.entries(image.payloads)) await objects.putBlob({ name }, Buffer.from(text, 'utf8'));
  for (const [name, documents] of Object.entries(image.collections)) {
    if (documents.length > 0) await database.collection(name).insertMany(documents.map((each) => BSON.EJSON.deserialize(each as object) as Document));
  }
  for (const [name, values] of Object.entries(image.buckets)) {
    const bucket = await openBucket(bus, name);
    // The slot table last: from then on lanes are claimed.
    for (const [key, value] of Object.entries(values).sort(([a], [b]) => Number(a === 'table') - Number(b === 'table'))) await bucket.put(key, Buffer.from(value, 'utf8'));
  }
}
