// Asks once for the whole answer and once for a stream of it.
const fs = require('fs');
const Anthropic = require('@anthropic-ai/sdk');

async function main() {
  const client = new Anthropic();
  const messages = [{ role: 'user', content: 'Say hello.' }];
  const question = { model: 'test', max_tokens: 9, messages };

  const answer = await client.messages.create(question);
  console.log('whole:', answer.content[0].text);

  const words = [];
  const stream = client.messages.stream(question).on('text', (word) => {
    fs.writeFileSync(`seen-${words.length}`, '');
    words.push(word);
  });
  await stream.finalMessage();
  console.log('stream:', words.join(''));
}

main();
