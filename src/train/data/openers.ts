/**
 * First words of user turns that the target goes on writing. Left alone, a small model asks the same few questions; a first
 * word in another direction is enough to lead it elsewhere. Plain words, tokenized by the target.
 */

/** How people begin to ask for work. */
const tasks = `
Summarize the following|Summarize this article:|Translate to German:|Translate the following sentence into English:|
Translate this into French:|Write a Python function that|Write a JavaScript function|Write a SQL query|Write a short story about|
Write a poem about|Write an email to|Write a letter to|Write a blog post about|Write a product description for|Write a review of|
Write a dialogue between|Write a speech about|Write a recipe for|Solve|Solve the equation|Calculate|Question:|Question: What|
Question: Who|Question: When did|Answer the question:|Context:|Explain|Explain why|Explain how|Explain the difference between|
Explain to a child|Describe|Describe how|List|List five|List the steps|Give me three|Give an example of|Compare|Classify|Rewrite|
Rewrite this sentence:|Correct the grammar:|Fix this code:|def |import |class |function |#include|SELECT |What does this code do|
Complete the sentence:|Complete the story:|Find the|Find the error|Extract|Extract the names|Is the following true|Imagine you are|
Pretend to be|You are a|Act as|Suppose|If a train|If I have|A farmer has|A shop sells|There are|Tom has|Maria bought|Each|How many|
How much|How long|How far|In the year|According to|Read the passage|Convert|Create a plan|Create a table|Make a list|Outline|
Suggest|Recommend|Name|Define|Prove that|Draw|Design|Plan a|Help me|Tell me|Tell me a joke about|Teach me|Advise me
`

/** Topics: a question about them is left to the model. */
const topics = `
rivers|mountains|the sea|volcanoes|stars|planets|the moon|weather|climate|rain|snow|forests|trees|flowers|gardens|farms|cows|horses|dogs|
cats|birds|fish|insects|bees|dinosaurs|cooking|bread|soup|coffee|tea|fruit|vegetables|cheese|health|sleep|exercise|running|football|
tennis|chess|swimming|music|guitar|piano|singing|painting|films|theatre|books|poetry|history|Rome|Egypt|kings|war|peace|law|elections|
taxes|money|banks|savings|jobs|interviews|offices|meetings|school|teachers|exams|homework|languages|Spanish|grammar|spelling|numbers|
fractions|triangles|equations|probability|statistics|physics|gravity|light|sound|electricity|magnets|energy|atoms|chemistry|water|metals|
biology|cells|genes|the heart|the brain|medicine|vaccines|doctors|hospitals|computers|programming|Python|JavaScript|databases|networks|
the internet|passwords|phones|robots|machines|engines|cars|trains|aeroplanes|ships|bicycles|travel|Paris|Japan|India|Africa|Brazil|hotels|
maps|cities|houses|furniture|tools|paint|clothes|shoes|gifts|birthdays|weddings|children|parents|friends|neighbours|letters|stories|
dragons|detectives|pirates|ghosts|dreams|philosophy|ethics|religion|time|colour|happiness|fear|habits|leadership|marketing|shops|prices|
recycling|pollution|solar power|space travel|artificial intelligence|photography|news|sports|games|puzzles|holidays
`

/** Words that begin questions and wishes. */
const words = `
What|What is|What are|Why|Why do|How|How do I|How can|When|Where|Which|Who|Can you|Could you|Please|I|I want to|I need|I have|I am|My|
We|The|A|In|Do|Does|Is|Are|Should|Hello|Hi,|Thanks,|Let's|Today|Yesterday|Last year|Someone|People|Some|After|Before|Because|While
`

/** Ways to ask about a topic. */
const frames = ['Tell me about %', 'What is the best way to learn about %', 'I have a question about %:', 'About %:']

/** All openers, the empty one among them. */
export const openers: readonly string[] = [
  '',
  ...split(words),
  ...split(tasks),
  ...split(topics).flatMap((topic) => frames.map((frame) => frame.replace('%', topic))),
]

/** How many of `openers` are words and tasks; topics follow. Both kinds shall be as frequent. */
export const generalOpeners = 1 + split(words).length + split(tasks).length

/** Beginnings of further user turns. */
export const followUps: readonly string[] = [
  ...[
    '',
    'And',
    'But',
    'Why',
    'How',
    'What about',
    'Can you',
    'Please',
    'Now',
    'Thanks,',
    'Is there',
    'Give me',
    'I',
    'So',
  ],
  ...['Explain', 'Make it shorter', 'Rewrite', 'Tell me more about', 'What if', 'Could you', 'Which', 'List'],
]

// ---------------------------------------------------------------------------------------------------------------

function split(text: string): string[] {
  return text
    .split('|')
    .map((part) => part.replaceAll('\n', '').trim())
    .filter((part) => part !== '')
}
