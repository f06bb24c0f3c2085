/** Two-word names for runs that nobody named. */

const QUALITIES =
  "amber brave bright bronze calm careful cheerful clever copper coral cosmic crimson curious daring deft eager early elegant fearless gentle golden graceful happy humble indigo ivory jade jolly keen kind lively lucid lucky mellow merry mighty misty modest nimble noble olive patient placid proud quick quiet radiant rapid rustic sage scarlet serene silent silver sleek smart solar steady stellar subtle sunny swift tidy tranquil velvet vivid warm wise witty zesty".split(
    " ",
  );
const BEINGS =
  "albatross alpaca badger beaver bison bittern bobcat caribou cheetah condor coyote crane cricket curlew dingo dolphin dormouse eagle egret falcon ferret finch firefly fox gazelle gecko gibbon goldfinch heron hornbill ibex ibis iguana impala jackal jaguar kestrel kingfisher kiwi koala lapwing lemur leopard linnet llama lynx magpie manatee marmot marten mongoose moose narwhal newt ocelot okapi oriole osprey otter panda pelican penguin petrel plover puffin puma quail raven robin salmon seal sparrow starling stoat swallow swan tanager tapir tern thrush toucan turtle viper vole walrus weasel whale wolf wombat wren yak zebra".split(
    " ",
  );

/** Invents a name such as `keen-otter`. `random` is a uniformly random unsigned integer. */
export function inventRunName(random: number): string {
  const quality = QUALITIES[random % QUALITIES.length];
  const being = BEINGS[Math.floor(random / QUALITIES.length) % BEINGS.length];
  return `${quality}-${being}`;
}
