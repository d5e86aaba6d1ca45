"""Microsoft, Atlassian and others.

A line is: service | scope | what it allows | `!` when it can change, send or delete at large.

Sources: "Microsoft Graph permissions reference" (delegated), Atlassian "Jira scopes" and
"Confluence scopes" (OAuth 2.0, classic), and the OAuth pages of the others. Notion has no scopes:
what its integration may do is set at Notion, and Auth0 names nothing.
"""

from __future__ import annotations

from typing import Final

TABLE: Final = """
microsoft | User.Read | sign you in and read your profile |
microsoft | User.ReadBasic.All | see the names of people in your organisation |
microsoft | User.Read.All | read the full profiles of everybody in your organisation | !
microsoft | User.ReadWrite | read and change your profile |
microsoft | User.ReadWrite.All | change the profiles of everybody in your organisation | !
microsoft | People.Read | see the people you work with |
microsoft | Mail.Read | read your e-mail | !
microsoft | Mail.ReadBasic | see who writes to you, about what and when |
microsoft | Mail.ReadWrite | read, change and delete your e-mail | !
microsoft | Mail.Send | send e-mail as you | !
microsoft | Mail.Read.Shared | read e-mail of mailboxes shared with you | !
microsoft | Mail.ReadWrite.Shared | change e-mail of mailboxes shared with you | !
microsoft | Mail.Send.Shared | send e-mail as you or for others | !
microsoft | MailboxSettings.Read | see your mailbox settings |
microsoft | MailboxSettings.ReadWrite | change your mailbox settings and rules | !
microsoft | Calendars.Read | read your calendars |
microsoft | Calendars.ReadBasic | see when you are busy |
microsoft | Calendars.ReadWrite | change and delete events on your calendars | !
microsoft | Calendars.Read.Shared | read calendars shared with you |
microsoft | Calendars.ReadWrite.Shared | change calendars shared with you | !
microsoft | Contacts.Read | read your contacts |
microsoft | Contacts.ReadWrite | see, change and delete your contacts | !
microsoft | Files.Read | read your files |
microsoft | Files.Read.All | read every file you can open | !
microsoft | Files.ReadWrite | change and delete your files | !
microsoft | Files.ReadWrite.All | change and delete every file you can open | !
microsoft | Files.ReadWrite.AppFolder | use a folder of its own in your files |
microsoft | Sites.Read.All | read every SharePoint site you can open | !
microsoft | Sites.ReadWrite.All | change every SharePoint site you can open | !
microsoft | Sites.Manage.All | create and delete lists on SharePoint sites | !
microsoft | Sites.FullControl.All | full control of every SharePoint site you can open | !
microsoft | Notes.Read | read your notebooks |
microsoft | Notes.Create | add to your notebooks |
microsoft | Notes.ReadWrite | change your notebooks | !
microsoft | Tasks.Read | read your tasks |
microsoft | Tasks.ReadWrite | see, change and delete your tasks |
microsoft | Chat.Read | read your chats | !
microsoft | Chat.ReadBasic | see which chats you have |
microsoft | Chat.ReadWrite | read and send chat messages as you | !
microsoft | ChatMessage.Read | read your chat messages | !
microsoft | ChatMessage.Send | send chat messages as you | !
microsoft | Channel.ReadBasic.All | see the names of your team's channels |
microsoft | ChannelMessage.Read.All | read messages in your team's channels | !
microsoft | ChannelMessage.Send | send messages to channels as you | !
microsoft | Team.ReadBasic.All | see which teams you are in |
microsoft | OnlineMeetings.Read | see your online meetings |
microsoft | OnlineMeetings.ReadWrite | create and change online meetings |
microsoft | Group.Read.All | read all groups you can see |
microsoft | Group.ReadWrite.All | change all groups you can see | !
microsoft | Directory.Read.All | read your organisation's directory | !
microsoft | Directory.ReadWrite.All | change your organisation's directory | !
microsoft | Directory.AccessAsUser.All | do in the directory whatever you can | !
microsoft | Presence.Read | see whether you are available |
microsoft | openid | know which Microsoft account this is |
microsoft | email | see your e-mail address |
microsoft | profile | see your name and picture |
atlassian | read:me | see your Atlassian profile |
atlassian | read:account | see your Atlassian account |
atlassian | read:jira-user | see people in Jira |
atlassian | read:jira-work | read Jira projects and issues |
atlassian | write:jira-work | create and change Jira issues as you | !
atlassian | manage:jira-project | change the settings of Jira projects | !
atlassian | manage:jira-configuration | administer Jira | !
atlassian | manage:jira-webhook | manage Jira webhooks | !
atlassian | manage:jira-data-provider | give Jira data about builds and deployments |
atlassian | read:servicedesk-request | read service desk requests |
atlassian | write:servicedesk-request | create and change service desk requests | !
atlassian | manage:servicedesk-customer | manage customers of the service desk | !
atlassian | read:confluence-space.summary | see Confluence spaces |
atlassian | read:confluence-props | read properties of Confluence content |
atlassian | write:confluence-props | change properties of Confluence content |
atlassian | read:confluence-content.all | read Confluence pages |
atlassian | read:confluence-content.summary | see summaries of Confluence pages |
atlassian | read:confluence-content.permission | see who may see Confluence pages |
atlassian | read:confluence-user | see people in Confluence |
atlassian | read:confluence-groups | see groups in Confluence |
atlassian | write:confluence-groups | change groups in Confluence | !
atlassian | write:confluence-content | write and change Confluence pages as you | !
atlassian | write:confluence-space | create and change Confluence spaces | !
atlassian | write:confluence-file | upload files to Confluence |
atlassian | readonly:content.attachment:confluence | download files from Confluence |
atlassian | search:confluence | search Confluence |
atlassian | manage:confluence-configuration | administer Confluence | !
gitlab | api | do everything you can in GitLab | !
gitlab | read_api | read everything you can in GitLab | !
gitlab | read_user | read your profile |
gitlab | read_repository | read your repositories |
gitlab | write_repository | write to your repositories | !
gitlab | read_registry | download container images |
gitlab | write_registry | publish container images | !
gitlab | create_runner | create runners | !
gitlab | manage_runner | manage runners | !
gitlab | k8s_proxy | reach your Kubernetes clusters | !
gitlab | sudo | act as any other person | !
gitlab | admin_mode | use admin mode | !
gitlab | openid | know which GitLab account this is |
gitlab | profile | see your name and picture |
gitlab | email | see your e-mail address |
bitbucket | account | see your account and e-mail addresses |
bitbucket | repository | read your repositories |
bitbucket | repository:write | write to your repositories | !
bitbucket | repository:admin | administer your repositories | !
bitbucket | repository:delete | delete repositories | !
bitbucket | pullrequest | read pull requests |
bitbucket | pullrequest:write | open, change and merge pull requests | !
bitbucket | issue | read issues |
bitbucket | issue:write | change issues |
bitbucket | webhook | manage webhooks | !
bitbucket | pipeline | see pipelines |
bitbucket | pipeline:write | run and stop pipelines | !
linear | read | read your Linear workspace |
linear | write | change your Linear workspace | !
linear | issues:create | create issues |
linear | comments:create | write comments |
linear | admin | administer the Linear workspace | !
dropbox | account_info.read | see your account |
dropbox | files.metadata.read | see the names of your files |
dropbox | files.metadata.write | change the names and tags of your files |
dropbox | files.content.read | read your files |
dropbox | files.content.write | change and delete your files | !
dropbox | sharing.read | see what you share |
dropbox | sharing.write | change what you share | !
dropbox | file_requests.read | see your file requests |
dropbox | file_requests.write | change your file requests |
dropbox | contacts.read | see your contacts |
box | root_readonly | read all your files and folders | !
box | root_readwrite | change and delete all your files and folders | !
box | manage_managed_users | manage the people of your organisation | !
box | manage_groups | manage the groups of your organisation | !
box | manage_webhook | manage webhooks | !
box | manage_enterprise_properties | see and change settings of your organisation | !
discord | identify | see your name and picture |
discord | email | see your e-mail address |
discord | guilds | see which servers you are in |
discord | guilds.join | join servers as you | !
discord | guilds.members.read | see your roles on servers |
discord | connections | see your linked accounts |
discord | messages.read | read messages | !
discord | bot | add a bot to a server | !
discord | webhook.incoming | send messages to a channel through a webhook | !
zoom | user:read | see your profile |
zoom | meeting:read | see your meetings |
zoom | meeting:write | create, change and delete your meetings | !
zoom | recording:read | watch your recordings |
zoom | recording:write | change and delete your recordings | !
salesforce | id | know which Salesforce account this is |
salesforce | api | do everything you can through the API | !
salesforce | full | do everything you can in Salesforce | !
salesforce | web | use Salesforce pages as you | !
salesforce | chatter_api | read and post in Chatter as you | !
salesforce | refresh_token | stay connected while you are away |
hubspot | oauth | know which HubSpot account this is |
hubspot | crm.objects.contacts.read | read contacts |
hubspot | crm.objects.contacts.write | create, change and delete contacts | !
hubspot | crm.objects.companies.read | read companies |
hubspot | crm.objects.companies.write | create, change and delete companies | !
hubspot | crm.objects.deals.read | read deals |
hubspot | crm.objects.deals.write | create, change and delete deals | !
hubspot | tickets | read and change tickets | !
hubspot | sales-email-read | read e-mail in HubSpot | !
stripe | read_only | read everything in your Stripe account | !
stripe | read_write | move money and change everything in your Stripe account | !
spotify | user-read-email | see your e-mail address |
spotify | user-read-private | see your subscription |
spotify | playlist-read-private | see your private playlists |
spotify | playlist-modify-private | change your private playlists |
spotify | playlist-modify-public | change your public playlists |
spotify | user-library-read | see your library |
spotify | user-library-modify | change your library |
linkedin | r_liteprofile | see your name and picture |
linkedin | r_emailaddress | see your e-mail address |
linkedin | w_member_social | post, comment and react as you | !
linkedin | openid | know which LinkedIn account this is |
linkedin | profile | see your name and picture |
linkedin | email | see your e-mail address |
figma | file_content:read | read your files |
figma | file_comments:read | read comments |
figma | file_comments:write | write comments as you |
figma | file_metadata:read | see the names of your files |
figma | projects:read | see your projects |
figma | current_user:read | see your profile |
figma | webhooks:write | manage webhooks | !
"""
