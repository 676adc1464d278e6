// The start of the page.
translatePage();
render();
await loadSession();
follow();
poll(1000, pollTotals, (error) => {
  seriesNeeded = true;
  if (error.status === 403) totalsDenied();
  else disconnected('polls', statusOf(error));
}, 'metrics');
poll(1000, pollTopics, undefined, 'metrics');
poll(3000, pollHealth, (error) => {
  checks = checks && Object.fromEntries(Object.keys(checks).map((name) => [name, 'unknown']));
  if (!may('metrics')) disconnected('polls', statusOf(error));
  render();
});
poll(60000, async () => {
  const { body } = await fetchJSON('healthz');
  state.version = body.version;
  render();
});
