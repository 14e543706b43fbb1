/** `npm run simulate`: see arguments.ts. Nothing of the product is loaded before a defect is planted in it. */
import process from 'node:process';
import { parseCommand, USAGE } from './arguments.ts';
import { PLANTS } from './plants.ts';
import { plantSource } from './plant-source.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

try {
  const command = parseCommand(process.argv.slice(2));
  if (command.listPlants) for (const { name } of PLANTS) say(name);
  else {
    const plant = PLANTS.find(({ name }) => name === command.plant);
    if (command.plant !== undefined && plant === undefined) throw new Error(`There is no plant ${command.plant}; --list-plants names them`);
    if (plant !== undefined) plantSource(plant);
    const { carryOut } = await import('./command.ts');
    process.exitCode = await carryOut(command, plant, say);
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}\n`);
  process.exitCode = 2;
}
