"""GitHub, Slack and Google.

A line is: service | scope | what it allows | `!` when it can change, send or delete at large.
`@` stands for https://www.googleapis.com/auth/.

Sources: GitHub "Scopes for OAuth apps", Slack "Permission scopes", Google "OAuth 2.0 scopes".
"""

from __future__ import annotations

from typing import Final

TABLE: Final = """
github | repo | read and write every repository, private ones too | !
github | public_repo | write to your public repositories | !
github | repo:status | read and set commit statuses |
github | repo_deployment | manage deployments | !
github | repo:invite | accept invitations to repositories |
github | security_events | read and write code scanning alerts | !
github | delete_repo | delete repositories | !
github | read:user | read your profile |
github | user | read and change your profile | !
github | user:email | read your e-mail addresses |
github | user:follow | follow and unfollow people |
github | read:org | read your organisations and teams |
github | write:org | change organisation membership and projects | !
github | admin:org | administer your organisations | !
github | workflow | change GitHub Actions workflows | !
github | gist | write gists |
github | notifications | read your notifications |
github | read:packages | download packages |
github | write:packages | publish packages | !
github | delete:packages | delete packages | !
github | read:project | read projects |
github | project | read and write projects |
github | read:discussion | read team discussions |
github | write:discussion | write team discussions |
github | admin:repo_hook | administer repository webhooks | !
github | admin:org_hook | administer organisation webhooks | !
github | admin:public_key | administer your SSH keys | !
github | admin:gpg_key | administer your GPG keys | !
github | codespace | create and manage codespaces | !
github | write:public_key | add SSH keys to your account | !
github | read:public_key | see your SSH keys |
github | read:gpg_key | see your GPG keys |
github | write:gpg_key | add GPG keys to your account | !
github | read:repo_hook | see repository webhooks |
github | write:repo_hook | add and change repository webhooks | !
github | manage_runners:org | manage your organisation's Actions runners | !
github | manage_billing:copilot | manage Copilot for your organisation | !
github | copilot | use Copilot as you |
github | read:enterprise | see your enterprise |
github | admin:enterprise | administer your enterprise | !
github | read:audit_log | read the audit log of your organisation | !
github | codespace:secrets | read and change secrets of codespaces | !
slack | channels:read | see the public channels of the workspace |
slack | channels:history | read messages in public channels |
slack | channels:write | manage public channels | !
slack | groups:read | see private channels you are in |
slack | groups:history | read messages in private channels you are in | !
slack | im:read | see your direct conversations |
slack | im:history | read your direct messages | !
slack | mpim:history | read your group messages | !
slack | chat:write | send messages as you | !
slack | users:read | see the people of the workspace |
slack | users:read.email | see their e-mail addresses |
slack | files:read | read files shared with you |
slack | files:write | upload, change and delete your files | !
slack | reactions:read | see reactions |
slack | reactions:write | add and remove reactions |
slack | search:read | search everything you can see | !
slack | team:read | see the workspace's name and address |
slack | admin | administer the workspace | !
slack | channels:join | join public channels |
slack | channels:manage | manage public channels it is in | !
slack | groups:write | manage private channels you are in | !
slack | im:write | start direct conversations |
slack | mpim:read | see your group conversations |
slack | mpim:write | start group conversations |
slack | chat:write.public | send messages to any public channel | !
slack | chat:write.customize | send messages under another name and picture | !
slack | search:read.public | search public channels |
slack | search:read.private | search private channels you are in | !
slack | search:read.im | search your direct messages | !
slack | users:write | change whether you are shown as active |
slack | users.profile:read | see people's profiles |
slack | users.profile:write | change your profile |
slack | usergroups:read | see groups of people |
slack | usergroups:write | change groups of people | !
slack | pins:read | see pinned messages |
slack | pins:write | pin and unpin messages |
slack | bookmarks:read | see the bookmarks of channels |
slack | bookmarks:write | change the bookmarks of channels |
slack | reminders:read | see your reminders |
slack | reminders:write | add and change your reminders |
slack | canvases:read | read canvases |
slack | canvases:write | write and delete canvases | !
slack | lists:read | read lists |
slack | lists:write | write and delete lists | !
slack | emoji:read | see the workspace's own emoji |
slack | dnd:read | see who wants not to be disturbed |
slack | stars:read | see what you saved |
slack | identify | know who you are in the workspace |
slack | identity.basic | know your name in the workspace |
slack | identity.email | see your e-mail address |
slack | admin.users:write | invite, change and remove people of the workspace | !
slack | admin.conversations:write | administer all conversations | !
google | openid | know which Google account this is |
google | email | see your e-mail address |
google | profile | see your name and picture |
google | @calendar | see, change, share and delete all your calendars | !
google | @calendar.readonly | read your calendars |
google | @calendar.events | read and change events on your calendars | !
google | @calendar.events.readonly | read events on your calendars |
google | @drive | see, change and delete everything in your Drive | !
google | @drive.readonly | read everything in your Drive | !
google | @drive.file | use the Drive files that you open with it |
google | @drive.metadata.readonly | see the names of your Drive files |
google | @gmail.readonly | read all your e-mail | !
google | @gmail.send | send e-mail as you | !
google | @gmail.modify | read, write and send e-mail as you | !
google | @gmail.metadata | see who writes to you and when |
google | @spreadsheets | see, change and delete your spreadsheets | !
google | @spreadsheets.readonly | read your spreadsheets |
google | @documents | see, change and delete your documents | !
google | @documents.readonly | read your documents |
google | @contacts.readonly | read your contacts |
google | @tasks | see, change and delete your tasks |
google | @userinfo.email | see your e-mail address |
google | @userinfo.profile | see your name and picture |
google | @calendar.calendarlist.readonly | see which calendars you have |
google | @calendar.freebusy | see when you are busy |
google | @calendar.settings.readonly | see your calendar settings |
google | @calendar.acls | change who sees your calendars | !
google | @drive.activity.readonly | see what was done in your Drive |
google | @drive.appdata | keep its own data in your Drive |
google | @drive.metadata | see and change the names of your Drive files |
google | @presentations | see, change and delete your presentations | !
google | @presentations.readonly | read your presentations |
google | @forms.body | see, change and delete your forms | !
google | @forms.responses.readonly | read the answers to your forms |
google | @gmail.compose | write drafts and send e-mail as you | !
google | @gmail.insert | put e-mail into your mailbox | !
google | @gmail.labels | change your e-mail labels |
google | @gmail.settings.basic | change your e-mail settings and filters | !
google | @gmail.settings.sharing | change who reads and forwards your e-mail | !
google | @contacts | see, change and delete your contacts | !
google | @directory.readonly | see the people of your organisation |
google | @tasks.readonly | read your tasks |
google | @chat.messages | read and send chat messages as you | !
google | @chat.messages.readonly | read your chat messages | !
google | @chat.messages.create | send chat messages as you | !
google | @chat.spaces.readonly | see your chat spaces |
google | @meetings.space.readonly | see your meetings |
google | @meetings.space.created | create and manage meetings |
google | @youtube | manage your YouTube account | !
google | @youtube.readonly | see your YouTube account |
google | @youtube.upload | upload videos as you | !
google | @photoslibrary.readonly | see your photos |
google | @cloud-platform | see, change and delete everything in your Google Cloud | !
google | @cloud-platform.read-only | see everything in your Google Cloud | !
google | @bigquery | see, change and delete your BigQuery data | !
google | @bigquery.readonly | read your BigQuery data |
google | @devstorage.read_only | read your Cloud Storage |
google | @devstorage.read_write | change and delete your Cloud Storage | !
google | @analytics.readonly | read your Analytics |
google | @adwords | manage your advertising campaigns | !
google | @admin.directory.user | change and delete people of your organisation | !
google | @admin.directory.user.readonly | see all people of your organisation |
google | @admin.directory.group | change groups of your organisation | !
google | @script.projects | see, change and delete your Apps Script projects | !
google | https://mail.google.com/ | read, write, send and delete all your e-mail for good | !
"""
