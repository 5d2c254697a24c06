// Read before the console starts. Whoever serves the console may replace this file:
//   apiUrl  where the gateway is, such as "https://api.example.com"; empty: where the console itself is
//   signup  "open" or "closed": whether the sign-in page offers to create an account
window.__SAAS_CONFIG__ = {};
