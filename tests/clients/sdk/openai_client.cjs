// Asks once for the whole answer and once for a stream of it.
const fs = require('fs');
const OpenAI = require('openai');

async function main() {
  const client = new OpenAI();
  const question = { model: 'test', messages: [{ role: 'user', content: 'Say hello.' }] };

  const answer = await client.chat.completions.create(question);
  console.log('whole:', answer.choices[0].message.content);

  const words = [];
  for await (const event of await client.chat.completions.create({ ...question, stream: true })) {
    const word = event.choices[0].delta.content;
    if (!word) continue;
    fs.writeFileSync(`seen-${words.length}`, '');
    words.push(word);
  }
  console.log('stream:', words.join(''));
}

main();
