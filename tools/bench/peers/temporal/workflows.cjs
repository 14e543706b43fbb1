/** The workflow: each step is an activity. */
const { proxyActivities } = require('@temporalio/workflow');

const { perform } = proxyActivities({ startToCloseTimeout: '60s' });

exports.chain = async (value, steps) => {
  let current = value;
  for (let index = 0; index < steps; index++) current = await perform(current);
  return current;
};
