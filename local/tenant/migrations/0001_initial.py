import django.utils.timezone
import local.tenant.models
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name='Person',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('sub', models.CharField(max_length=128, unique=True)),
                ('email', models.EmailField(max_length=254, unique=True)),
                ('email_verified', models.BooleanField(default=True)),
                ('name', models.CharField(max_length=150)),
                ('given_name', models.CharField(max_length=75)),
                ('family_name', models.CharField(max_length=75)),
                ('blocked', models.BooleanField(default=False)),
                ('app_metadata', models.JSONField(default=dict)),
                ('user_metadata', models.JSONField(default=dict)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('logins_count', models.PositiveIntegerField(default=0)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Connection',
            fields=[
                ('id', models.CharField(max_length=32, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=128, unique=True)),
                ('strategy', models.CharField(max_length=64)),
                ('authentication_active', models.BooleanField(default=True)),
                ('connected_accounts_active', models.BooleanField(default=False)),
                ('options', models.JSONField(default=dict)),
            ],
        ),
        migrations.CreateModel(
            name='LogEvent',
            fields=[
                ('seq', models.BigAutoField(primary_key=True, serialize=False)),
                ('log_id', models.CharField(max_length=64, unique=True)),
                ('date', models.DateTimeField()),
                ('type', models.CharField(db_index=True, max_length=64)),
                ('user_id', models.CharField(blank=True, db_index=True, max_length=128)),
                ('fields', models.JSONField(default=dict)),
            ],
        ),
        migrations.CreateModel(
            name='ResourceServer',
            fields=[
                ('identifier', models.CharField(max_length=600, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=100)),
                ('scopes', models.JSONField(default=list)),
                ('token_lifetime', models.PositiveIntegerField(default=86400, help_text='seconds')),
                ('allow_offline_access', models.BooleanField(default=False)),
                ('rbac', models.BooleanField(default=False, help_text="grant only the person's permissions")),
                ('user_access', models.CharField(choices=[('allow_all', 'allow_all'), ('require_client_grant', 'require_client_grant'), ('deny_all', 'deny_all')], default='allow_all', max_length=24)),
                ('client_access', models.CharField(choices=[('require_client_grant', 'require_client_grant'), ('deny_all', 'deny_all')], default='require_client_grant', max_length=24)),
                ('authorization_details_types', models.JSONField(default=list)),
            ],
        ),
        migrations.CreateModel(
            name='Role',
            fields=[
                ('id', models.CharField(default=local.tenant.models.role_id, max_length=32, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=64, unique=True)),
                ('description', models.CharField(blank=True, max_length=255)),
                ('permissions', models.JSONField(default=dict)),
            ],
        ),
        migrations.CreateModel(
            name='SigningKey',
            fields=[
                ('kid', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('pem', models.TextField()),
                ('certificate', models.TextField(help_text='base64 of the DER certificate (x5c)')),
                ('issued_at', models.DateTimeField()),
                ('revoked_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='StreamCursor',
            fields=[
                ('url', models.CharField(max_length=400, primary_key=True, serialize=False)),
                ('seq', models.BigIntegerField(default=0)),
            ],
        ),
        migrations.AddField(
            model_name='person',
            name='roles',
            field=models.ManyToManyField(blank=True, related_name='people', to='tenant.role'),
        ),
    ]
